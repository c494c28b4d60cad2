"""Read a list of pictures on Spark: one answer for every line, each exactly once.

usage: spark-submit read_pictures.py LIST OUT MODEL

LIST has a path or a JSON object {"id": ..., "input": path or base64} a line; OUT is a new folder of JSON lines. Node.js, tfjs-to-onnx,
onnxruntime-node and sharp are on every worker (`npm install --global ...`), MODEL and the pictures at the same paths.
"""

import os
import shlex
import sys

COMMAND = ["tfjs-to-onnx", "infer", "-", "--json", "--keep-going", "--threads", "1", "--workers", "0"]


def read(lines, model):
    """Answers of an RDD of lines. One process runs a partition, and takes seconds to start: make partitions large.

    With --keep-going the exit code is 0 only if every line has its answer, a picture that cannot be read too (its answer has "error").
    checkCode makes anything else a failed task, which Spark runs again: a missing model, a process or an executor that was killed.
    """
    # pipe() starts the process in an empty environment.
    env = {"PATH": os.environ["PATH"], "ORT_DISABLE_TELEMETRY": "1"}
    return lines.pipe(shlex.join([*COMMAND, "--model", model]), env=env, checkCode=True)


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    if len(sys.argv) != 4:
        sys.exit("usage: spark-submit read_pictures.py LIST OUT MODEL")
    spark = SparkSession.builder.appName("read-pictures").getOrCreate()
    # What a task that is run again had written before is not kept: every line is answered once.
    read(spark.sparkContext.textFile(sys.argv[1]), sys.argv[3]).saveAsTextFile(sys.argv[2])
    spark.stop()

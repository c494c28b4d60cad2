"""The recipe of examples/spark in one Spark application with two executors of one core each; prints a JSON object.

usage: python spark_cases.py RECIPE_FOLDER LIST MODEL
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])
from read_pictures import read

from pyspark.sql import SparkSession

with open(sys.argv[2], encoding="utf-8") as file:
    lines = [line.rstrip("\n") for line in file]
model = sys.argv[3]
spark = (
    SparkSession.builder.master("local-cluster[2,1,1024]")
    .config("spark.executor.memory", "1g")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.task.maxFailures", "3")
    .getOrCreate()
)
context = spark.sparkContext
context.setLogLevel("OFF")


def executors():
    """Process ids of this application's executors."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    rows = [row.split(None, 1) for row in found.splitlines()]
    mine = context.applicationId
    return [int(row[0]) for row in rows if len(row) == 2 and "CoarseGrainedExecutorBackend" in row[1] and mine in row[1]]


killed = []
finished = threading.Event()


def kill_one():
    """Kills an executor once a task has ended and others are under way."""
    status = context.statusTracker()
    while not finished.wait(0.2):
        active = [status.getStageInfo(stage) for stage in status.getActiveStageIds()]
        is_between = any(stage and stage.numCompletedTasks >= 1 and stage.numActiveTasks >= 1 for stage in active)
        victims = executors() if is_between else []
        if victims:
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])
            return


def missing_model():
    try:
        read(context.parallelize(lines[:2], 1), model + ".gone").collect()
    except Exception as error:
        return "Pipe function" in str(error)
    return False


begin = time.time()
killer = threading.Thread(target=kill_one)
killer.start()
# The last of five partitions is empty.
parts = context.parallelize(lines, 4).union(context.parallelize([], 1))
try:
    answers = read(parts, model).collect()
finally:
    finished.set()
    killer.join()
print(
    json.dumps(
        {
            "answers": answers,
            "killed": len(killed),
            "partitions": parts.getNumPartitions(),
            "missingModelFails": missing_model(),
            "seconds": time.time() - begin,
        }
    )
)
spark.stop()

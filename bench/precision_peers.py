"""What a user of Python would do with the same float32 file: onnxruntime.quantization.

usage: precision_peers.py IN.onnx int8|int4 OUT.onnx
"""

import logging
import sys

logging.disable(logging.WARNING)


def main(source, form, out):
    if form == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(source, out, weight_type=QuantType.QInt8, per_channel=True)
        return
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(out)


main(*sys.argv[1:])

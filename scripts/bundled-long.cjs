"use strict";

/**
 * What protobufjs needs of the package "long", which is larger than all of protobufjs that the exporter uses: 64-bit integers
 * are read to this, and written from numbers.
 */
class Long {
  /**
   * @param {number} low
   * @param {number} high
   * @param {boolean} unsigned
   */
  constructor(low, high, unsigned) {
    this.low = low | 0;
    this.high = high | 0;
    this.unsigned = unsigned;
  }

  /**
   * @param {number} low
   * @param {number} high
   * @param {boolean} unsigned
   */
  static fromBits(low, high, unsigned) {
    return new Long(low, high, unsigned);
  }

  /** @param {string} text */
  static fromString(text) {
    const bits = BigInt.asUintN(64, BigInt(text));
    return new Long(Number(bits & 0xffffffffn), Number(bits >> 32n), false);
  }

  /** @param {unknown} value */
  static isLong(value) {
    return value instanceof Long;
  }
}

module.exports = Long;

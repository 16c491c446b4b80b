// Numbers as they were written. A JavaScript number has 53 bits and rounds ids and amounts; the
// text of a JSON number does not.

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Sign, digits without zeros at either end, and the power of ten of the first digit. */
function parts(text) {
  const found = NUMBER.exec(text);
  if (!found) throw new TypeError(`${JSON.stringify(text)} is not the text of a JSON number`);
  const [, minus, whole, fraction = '', power = '0'] = found;
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '');
  const exponent = BigInt(power) + BigInt(whole.length - (all.length - digits.length));
  const significant = digits.replace(/0+$/, '');
  const sign = significant === '' ? 0 : minus ? -1 : 1;
  return { sign, digits: significant, exponent };
}

/**
 * Compares two JSON numbers exactly, whatever their size: negative, 0 or positive, as a sort
 * function answers.
 * @param {string} a
 * @param {string} b
 */
export function compareNumbers(a, b) {
  const [x, y] = [parts(String(a)), parts(String(b))];
  if (x.sign !== y.sign) return x.sign - y.sign;
  if (x.sign === 0) return 0;
  if (x.exponent !== y.exponent) return x.exponent < y.exponent ? -x.sign : x.sign;
  // Digits without trailing zeros compare like fractions: by text, a prefix comes first.
  if (x.digits === y.digits) return 0;
  return x.digits < y.digits ? -x.sign : x.sign;
}

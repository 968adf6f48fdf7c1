/** Quantities of resources, such as `500m` and `1Gi` (k8s.io/apimachinery/pkg/api/resource). */

const QUANTITY =
  /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const LONGEST = 64;

/** As a number, so that two can be compared; undefined: it is no quantity. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, exponent, suffix = ''] = (text.length <= LONGEST && QUANTITY.exec(text)) || [];
  if (digits === undefined) return undefined;
  if (exponent !== undefined) return Number(`${digits}${exponent}`);
  const binary = BINARY.indexOf(suffix);
  if (binary > 0) return Number(digits) * 1024 ** binary;
  return Number(digits) * 1000 ** (DECIMAL.indexOf(suffix) - DECIMAL.indexOf(''));
}

/** The smallest quantity that is written in thousandths (CPU) or whole units (bytes), and is not below the number. */
export function quantityOf(resource: string, amount: number): string {
  // 0.1 + 0.2 must not become 301m.
  const roundedUp = (value: number): number => Math.ceil(Number(value.toPrecision(12)));
  return resource === 'cpu' ? `${roundedUp(amount * 1000)}m` : `${roundedUp(amount)}`;
}

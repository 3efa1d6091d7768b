export function millis(micros) {
  return (Number(micros) / 1000).toFixed(3);
}

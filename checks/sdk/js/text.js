// UTF-8, without TextDecoder and TextEncoder, which a component lacks.

export function decode(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const [point, length] = one(bytes, at);
    text += String.fromCodePoint(point);
    at += length;
  }
  return text;
}

// The code point at a place and its length. A byte that begins none stands for U+FFFD.
function one(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  let point = first & (0x3f >> more);
  for (let offset = 1; offset <= more; offset += 1) {
    const byte = bytes[at + offset];
    if (byte === undefined || byte >> 6 !== 2) return [0xfffd, 1];
    point = (point << 6) | (byte & 0x3f);
  }
  const least = [0, 0x80, 0x800, 0x10000][more];
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  const valid = first >= 0xc2 && first <= 0xf4 && point >= least && point <= 0x10ffff && !surrogate;
  return valid ? [point, more + 1] : [0xfffd, 1];
}

export function encode(text) {
  const bytes = [];
  for (const character of String(text)) {
    let point = character.codePointAt(0);
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
  }
  return new Uint8Array(bytes);
}

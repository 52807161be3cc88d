// What the service made of files: one that went up once is searched with by its vector after that.

const vectors = new WeakMap(); // of a file, by the part of it

/** Give the vector of a file's part, as it can be searched with, or undefined. */
export function vectorOf(file, box) {
  return vectors.get(file)?.get(nameOf(box));
}

/** Keep it, for as long as there is the file. */
export function keepVector(file, box, vector) {
  if (!vectors.has(file)) vectors.set(file, new Map());
  vectors.get(file).set(nameOf(box), vector);
}

const nameOf = (box) => JSON.stringify(box ?? null);

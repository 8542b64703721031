// @ts-check
// "1-3, 7" -> [1, 2, 3, 7], as the server reads seeds; no DOM in here.

const LARGEST = 2 ** 32 - 1;
export const MOST = 6;

/**
 * At most MOST seeds, those that are named first.
 * @param {string} words
 * @returns {number[] | null} null for what is no list of seeds
 */
export function parseSeeds(words) {
  const seeds = [];
  for (const part of words.replace(/\s*-\s*/g, "-").split(/[,，\s]+/).filter(Boolean)) {
    const ends = part.match(/^(\d+)(?:-(\d+))?$/);
    if (!ends) return null;
    const first = Number(ends[1]);
    const last = Number(ends[2] ?? ends[1]);
    if (last < first || last > LARGEST) return null;
    for (let seed = first; seed <= last && seeds.length < MOST; seed++) seeds.push(seed);
  }
  return seeds.length ? seeds : null;
}

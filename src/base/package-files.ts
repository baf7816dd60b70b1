// Files that ship beside the code, whether it runs from src/ or bundled from dist/.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, data/ and scripts/. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The path of a file in data/. */
export function dataFile(name: string): string {
  return join(packageRoot, 'data', name);
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder;
  return findRoot(dirname(folder));
}

// What Peapod calls itself, and the Kubernetes version whose API it serves.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/package-files.ts';

export const version: string = (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;

export const kubernetesVersion = { major: '1', minor: '36', gitVersion: `v1.36.0+peapod-${version}` } as const;

/** How a program of Kubernetes presents itself to the API server. */
export function userAgentOf(program: string): string {
  return `${program}/${kubernetesVersion.gitVersion} (linux/${process.arch === 'x64' ? 'amd64' : process.arch})`;
}

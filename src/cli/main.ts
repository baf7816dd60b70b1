// The command line: names, flags and words. What a command does is in commands/.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from '../base/package-files.ts';

enableCompileCache(join(packageRoot, '.cache', 'v8'));
const { runCommandLine } = await import('./command-line.ts');
await runCommandLine(process.argv.slice(2));

// Keeps the house of ARCHITECTURE.md: a room imports only from rooms on lower floors and from base/, and nothing
// outside base/ reads the time, sets a timer or takes chance except through Clock and Random.
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

const floors: Record<string, number> = {
  base: 0,
  api: 1, store: 1, runtime: 1,
  server: 2, client: 2, timeline: 2,
  control: 3,
  controllers: 4, scheduler: 4, node: 4, network: 4, web: 4,
  cluster: 5,
  cli: 6, testing: 6,
};

/** Beyond the floors: rooms that live only on the API may not reach under it. */
const forbidden: Record<string, readonly string[]> = {
  client: ['store', 'runtime'],
  timeline: ['store', 'runtime'],
  control: ['server', 'store', 'runtime'],
  controllers: ['server', 'store', 'runtime'],
  scheduler: ['server', 'store', 'runtime'],
  node: ['server', 'store'],
  network: ['server', 'store', 'runtime'],
  web: ['server', 'store', 'runtime', 'control'],
  server: ['runtime'],
};

const bannedGlobals = new Set(['Date', 'setTimeout', 'setInterval', 'performance']);
const bannedModules = new Set(['node:timers', 'node:timers/promises', 'timers', 'timers/promises', 'node:perf_hooks']);

const complaints: string[] = [];

for (const file of globSync('src/**/*.ts', { cwd: root }).sort()) {
  if (file.startsWith('src/api/generated/')) continue;
  const path = resolve(root, file);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const room = file.split('/').length > 2 ? file.split('/')[1]! : 'index';
  const complain = (node: ts.Node, what: string) =>
    complaints.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);

  const visit = (node: ts.Node): void => {
    const specifier = importedFrom(node);
    if (specifier) checkImport(specifier, path, room, (what) => complain(node, what));
    if (room !== 'base') checkTimeAndChance(node, (what) => complain(node, what));
    ts.forEachChild(node, visit);
  };
  visit(source);
}

for (const complaint of complaints) console.error(complaint);
console.log(complaints.length === 0 ? 'the house stands: floors, time and chance are kept' : `${complaints.length} complaints`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function importedFrom(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) return node.moduleSpecifier.text;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0] && ts.isStringLiteral(node.arguments[0])) return node.arguments[0].text;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) return node.argument.literal.text;
  return undefined;
}

function checkImport(specifier: string, path: string, room: string, complain: (what: string) => void): void {
  if (bannedModules.has(specifier) && room !== 'base') complain(`${specifier}: time comes only from a Clock`);
  if (!specifier.startsWith('.')) return;
  const target = relative(resolve(root, 'src'), resolve(dirname(path), specifier));
  if (target.startsWith('..')) return complain(`imports ${specifier} from outside src/`);
  const other = target.split('/')[0]!;
  if (room === 'index' || other === room || other === 'base') return;
  const [here, there] = [floors[room], floors[other]];
  if (here === undefined) return complain(`room ${room}/ has no floor in scripts/lint-house.ts`);
  if (there === undefined) return complain(`imports ${specifier}, which is in no room`);
  if (there >= here) complain(`${room}/ (floor ${here}) imports ${specifier} from ${other}/ (floor ${there})`);
  else if (forbidden[room]?.includes(other)) complain(`${room}/ must not know ${other}/, but imports ${specifier}`);
}

function checkTimeAndChance(node: ts.Node, complain: (what: string) => void): void {
  if (!ts.isIdentifier(node)) return;
  const parent = node.parent;
  const isName = (ts.isPropertyAccessExpression(parent) && parent.name === node) || ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isTypeReferenceNode(parent);
  if (bannedGlobals.has(node.text) && !isName && !ts.isTypeQueryNode(parent)) complain(`${node.text}: time comes only from a Clock`);
  if (node.text === 'random' && ts.isPropertyAccessExpression(parent) && parent.name === node && parent.expression.getText() === 'Math') complain('Math.random: chance comes only from a Random');
}

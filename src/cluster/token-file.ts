// The static token file, as kube-apiserver's --token-auth-file reads it: token,user,uid,"group1,group2" on each line.
import { readFileSync } from 'node:fs';
import type { UserInfo } from '../api/kind.ts';
import { UserError } from './user-error.ts';

export function readTokens(file: string | undefined): ReadonlyMap<string, UserInfo> {
  if (file === undefined) return new Map();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`the token file ${file} cannot be read`, 'check --token-auth-file', { cause: error });
  }
  return new Map(parseTokens(text, file));
}

export function parseTokens(text: string, file: string): [string, UserInfo][] {
  return text.split('\n').flatMap((line, index): [string, UserInfo][] => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const match = /^([^,"]+),([^,"]+),([^,"]*)(?:,(?:"([^"]*)"|([^,"]*)))?$/.exec(line.trim());
    if (!match) throw new UserError(`line ${index + 1} of ${file} is no token`, 'write it as: token,user,uid,"group1,group2"');
    const [, token, username, uid, quoted, bare] = match;
    const groups = (quoted ?? bare ?? '').split(',').map((group) => group.trim()).filter((group) => group !== '');
    return [[token!, { username: username!, ...(uid ? { uid } : {}), groups }]];
  });
}

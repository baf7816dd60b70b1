// How a server behind this one is told who asks: upstream's front-proxy headers.
import type { UserInfo } from '../../api/kind.ts';
import { filtered, type RawHeaders } from '../../base/reverse-proxy/headers.ts';

export const userHeader = 'X-Remote-User';
export const uidHeader = 'X-Remote-Uid';
export const groupHeader = 'X-Remote-Group';
export const extraPrefix = 'X-Remote-Extra-';

/** Names and values in turn. */
export function userHeaders({ username, uid, groups, extra = {} }: UserInfo): string[] {
  return [
    userHeader,
    username,
    ...(uid ? [uidHeader, uid] : []),
    ...groups.flatMap((group) => [groupHeader, group]),
    ...Object.entries(extra).flatMap(([key, values]) => values.flatMap((value) => [extraPrefix + escaped(key), value])),
  ];
}

/** Without what a client may have said in these words, and without its own credentials. */
export function withoutIdentity(headers: RawHeaders): string[] {
  return filtered(headers, (name) => !name.startsWith('x-remote-') && name !== 'authorization' && !name.startsWith('impersonate-'));
}

/** The name of a header may not have every letter. */
function escaped(key: string): string {
  return [...Buffer.from(key)].map((byte) => (/[!#$&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('');
}

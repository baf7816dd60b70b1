// Every request has an Audit-Id, which its answer tells; where there is an audit log, it is told of those that the policy names.
import { isIP } from 'node:net';
import type { Random } from '../../base/random.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditedRequest } from '../audit/auditing.ts';
import { isHttp2, type Incoming } from './exchange.ts';
import type { Filter } from './filters.ts';
import { isLongRunning } from './long-running.ts';
import type { Passing } from './passing.ts';

/** The first of all filters: what is refused has one, too. A client, or a server before this one, may bring its own. */
export function auditIds(random: Random): Filter {
  return (passing, next) => {
    const own = passing.incoming.headers['audit-id'];
    passing.auditId = typeof own === 'string' && /^[\x21-\x7e]{1,256}$/.test(own) ? own : random.uuid();
    (passing.headers ??= {})['audit-id'] = passing.auditId;
    return next(passing);
  };
}

/** Comes after authentication, and before whoever may refuse or delay the request. */
export function auditing(log: AuditLog): Filter {
  return (passing, next) => {
    const audit = log.begin(auditedRequest(passing));
    if (audit) {
      passing.audit = passing.measuring.audit = audit;
      passing.annotateBy(audit.annotate);
    }
    return next(passing);
  };
}

/** For the filter that has found nobody. */
export function auditUnauthenticated(log: AuditLog): (passing: Passing) => void {
  return (passing) => {
    const { headers } = passing.incoming;
    const [scheme] = (headers.authorization ?? '').split(' ');
    const tried = scheme ? scheme.toLowerCase() : '';
    log.unauthenticated(auditedRequest(passing), tried ? `Authentication failed, attempted: ${tried}` : 'Authentication failed, no credentials provided');
  };
}

function auditedRequest({ incoming, route, sender, method, auditId }: Passing): AuditedRequest {
  const request = route.type === 'resource' ? route.request : undefined;
  return {
    auditId, user: sender, verb: request ? request.verb : method.toLowerCase(), requestUri: incoming.url ?? '/', sourceIps: sourcesOf(incoming), userAgent: incoming.headers['user-agent'] ?? '', request,
    isLongRunning: isLongRunning(route),
  };
}

/** Whom proxies on the way say that it comes from, and then who the connection is from; the former may be lies. */
function sourcesOf(incoming: Incoming): readonly string[] {
  const { headers } = incoming;
  const address = ((isHttp2(incoming) ? incoming.stream.session?.socket.remoteAddress : incoming.socket.remoteAddress) ?? '').replace(/^::ffff:/, '');
  const forwarded = headers['x-forwarded-for'];
  const real = headers['x-real-ip'];
  if (forwarded === undefined && real === undefined) return address ? [address] : [];
  const said = [...String(forwarded ?? '').split(','), String(real ?? '')].map((text) => text.trim()).filter((text) => isIP(text) !== 0);
  return [...said, address].filter((text, index, all) => text !== '' && text !== all[index - 1]);
}

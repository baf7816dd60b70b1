// What every request over HTTP goes through before it is served, in kube-apiserver's order:
//
//   Audit-Id → authentication → audit → impersonation → flow control → (authorization → handler)
//
// Authorization is asked in `Api`, which requests in process go through as well. A filter is called with the request and the
// rest of its way: it lets the request on, waits first, or throws what the client is answered. No closure is made for a request.
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import type { Authorize } from '../auth/access.ts';
import { impersonated } from '../auth/impersonate.ts';
import type { Incoming } from './exchange.ts';
import type { Passing } from './passing.ts';

/** Undefined: it was served at once. */
export type Serve = (passing: Passing) => void | Promise<void>;

export type Filter = (passing: Passing, next: Serve) => void | Promise<void>;

/** The way through all filters, the first one outermost, to `last`. */
export function through(filters: readonly Filter[], last: Serve): Serve {
  return filters.reduceRight<Serve>((next, filter) => (passing) => filter(passing, next), last);
}

export function authentication(senderOf: (incoming: Incoming) => UserInfo | undefined | Promise<UserInfo | undefined>, refused?: (passing: Passing) => void): Filter {
  const letOn = (passing: Passing, sender: UserInfo | undefined, next: Serve) => {
    if (!sender) {
      refused?.(passing);
      throw ApiError.unauthorized();
    }
    passing.sender = passing.user = sender;
    return next(passing);
  };
  return (passing, next) => {
    const sender = senderOf(passing.incoming);
    return sender instanceof Promise ? sender.then((found) => letOn(passing, found, next)) : letOn(passing, sender, next);
  };
}

export function impersonation(authorize: Authorize): Filter {
  return (passing, next) => {
    passing.user = impersonated(passing.sender!, passing.incoming.rawHeaders, authorize);
    if (passing.user !== passing.sender) passing.audit?.impersonates(passing.user);
    return next(passing);
  };
}

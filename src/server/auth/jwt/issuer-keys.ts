// The keys of an issuer: found through its discovery document, fetched when a token bears a key that is not known, and not too often.
//
//   unknown ──first token──▶ fetching ──▶ known ──a key that is not among them──▶ fetching ──▶ …
//      ▲                        │
//      └──────── failed ────────┘ asked again after a while, and meanwhile nobody is let in
import { request as httpsRequest } from 'node:https';
import type { JSONWebKeySet } from 'jose';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { wholeAnswer } from '../../whole-answer.ts';
import type { Jwt } from './config.ts';

/** Between two questions to the issuer, whatever tokens come. */
const restMs = 10_000;
const timeoutMs = 30_000;
const longestAnswer = 1024 * 1024;

export class IssuerKeys {
  readonly #jwt: Pick<Jwt, 'issuer' | 'discoveryUrl' | 'certificateAuthority'>;
  readonly #clock: Clock;
  readonly #log: Log;
  #keySetUrl: string | undefined;
  #keys: JSONWebKeySet | undefined;
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(jwt: Pick<Jwt, 'issuer' | 'discoveryUrl' | 'certificateAuthority'>, clock: Clock, log: Log) {
    this.#jwt = jwt;
    this.#clock = clock;
    this.#log = log;
  }

  /** Those among which `kid` is, where it can be had; throws Error when none could be fetched yet. */
  async keysFor(kid: string | undefined): Promise<JSONWebKeySet> {
    const isKnown = this.#keys?.keys.some((key) => kid === undefined || key.kid === kid);
    if (!isKnown) await this.#ask();
    if (!this.#keys) throw new Error('oidc: authenticator not initialized');
    return this.#keys;
  }

  /** All who wait share one question. */
  #ask(): Promise<void> {
    if (this.#asking) return this.#asking;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedAtMs < restMs) return Promise.resolve();
    this.#askedAtMs = nowMs;
    const failed = (error: unknown) => this.#log.warn('the keys of an issuer could not be fetched', { issuer: this.#jwt.issuer, error });
    return (this.#asking = this.#fetch().catch(failed).finally(() => (this.#asking = undefined)));
  }

  async #fetch(): Promise<void> {
    this.#keySetUrl ??= await this.#discover();
    const answer = (await this.#get(this.#keySetUrl)) as { keys?: unknown } | null;
    if (!Array.isArray(answer?.keys)) throw new Error('oidc: failed to decode keys: there are none');
    this.#keys = { keys: answer.keys as JSONWebKeySet['keys'] };
  }

  async #discover(): Promise<string> {
    const { issuer, discoveryUrl } = this.#jwt;
    const found = (await this.#get(discoveryUrl)) as { issuer?: unknown; jwks_uri?: unknown } | null;
    if (found?.issuer !== issuer) throw new Error(`oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(found?.issuer)}`);
    if (typeof found.jwks_uri !== 'string' || !found.jwks_uri.startsWith('https://')) throw new Error('oidc: the provider names no jwks_uri over https');
    return found.jwks_uri;
  }

  #get(url: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`Get ${JSON.stringify(url)}: ${why}`));
      const { certificateAuthority } = this.#jwt;
      const request = httpsRequest(url, { ...(certificateAuthority ? { ca: certificateAuthority } : {}), headers: { accept: 'application/json' } }, (response) => {
        wholeAnswer(response, longestAnswer).then((body) => {
          if (response.statusCode !== 200) return fail(`${response.statusCode}`);
          resolve(JSON.parse(body.toString()));
        }).catch(({ message }: Error) => fail(message));
      });
      const timer = this.#clock.schedule(timeoutMs, () => request.destroy(new Error('context deadline exceeded')));
      request.on('error', ({ message }) => fail(message));
      request.on('close', () => timer[Symbol.dispose]());
      request.end();
    });
  }
}

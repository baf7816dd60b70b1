// Keeps a certificate fresh: asks for the next one when most of its time is over, or when what it must say has changed.
//
//   none, or other names ──▶ asking ── got it ──▶ resting ── 70 to 90 % of its time are over ──▶ asking
//                               └── failed: again after a while; the old one is used on
import { X509Certificate } from 'node:crypto';
import { backoffMs } from '../../base/backoff.ts';
import { parseTime, type Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { Client } from '../../client/client.ts';
import { requestCertificate, type CertificatePair, type WantedCertificate } from './request-certificate.ts';

export interface CertificateKeeperOptions {
  readonly name: string;
  readonly wanted: WantedCertificate;
  /** As it was left by the last run. */
  readonly present: CertificatePair | undefined;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Stores it, and has it used from now on. */
  readonly renewed: (pair: CertificatePair) => void;
}

const retry = { initialMs: 1_000, longestMs: 300_000 };
/** A timer cannot be longer. */
const longestRestMs = 20 * 86_400_000;
/** What nobody has approved by then is asked for anew, as the kubelet does. */
const patienceMs = 15 * 60_000;

export function createCertificateKeeper({ name, wanted, present, client, clock, random, log, renewed }: CertificateKeeperOptions): Runnable {
  return {
    name,
    async run(signal) {
      let pair = present;
      for (let failures = 0; !signal.aborted; ) {
        const waitMs = pair && says(pair, wanted) ? renewAtMs(pair, random) - clock.wallMs() : 0;
        if (waitMs > 0) {
          await rest(waitMs, signal);
          if (signal.aborted) return;
        }
        const giveUp = new AbortController();
        using _timer = clock.schedule(patienceMs, () => giveUp.abort(new Error('nobody has approved it')));
        try {
          pair = await requestCertificate(wanted, client, AbortSignal.any([signal, giveUp.signal]));
          log.info('got a new certificate', { certificate: name });
          renewed(pair);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          log.warn('cannot get a new certificate', { certificate: name, error });
          await clock.sleep(backoffMs(++failures, retry), signal).catch(() => {});
        }
      }
    },
  };

  async function rest(ms: number, signal: AbortSignal): Promise<void> {
    for (let left = ms; left > 0 && !signal.aborted; left -= longestRestMs) await clock.sleep(Math.min(left, longestRestMs), signal).catch(() => {});
  }
}

/** At 70 to 90 % of its time, so that nodes that joined together do not ask together. */
export function renewAtMs({ cert }: Pick<CertificatePair, 'cert'>, random: Random): number {
  const { validFrom, validTo } = new X509Certificate(cert);
  const [from, to] = [parseTime(validFrom), parseTime(validTo)];
  return from + (to - from) * (0.7 + 0.2 * random.next());
}

export function isExpired({ cert }: Pick<CertificatePair, 'cert'>, clock: Clock): boolean {
  return parseTime(new X509Certificate(cert).validTo) <= clock.wallMs();
}

/** Whether it names all that it must. */
function says({ cert }: CertificatePair, { dnsNames = [], ipAddresses = [] }: WantedCertificate): boolean {
  const certificate = new X509Certificate(cert);
  return dnsNames.every((dns) => certificate.checkHost(dns) !== undefined) && ipAddresses.every((ip) => certificate.checkIP(ip) !== undefined);
}

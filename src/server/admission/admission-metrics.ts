// How long admission takes, plug-in by plug-in and webhook by webhook, under kube-apiserver's names.
import { Histogram } from '../../base/histogram.ts';
import type { MetricsText } from '../../base/metrics-text.ts';
import type { Admission, AdmissionRequest } from './admission.ts';

export type Step = 'mutate' | 'validate';
export type WebhookType = 'admit' | 'validating';
/** Why a webhook's name stands before a refusal: it said no, or could not be asked. */
export type RejectionType = 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error';

const bounds: readonly number[] = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const webhookBounds: readonly number[] = [...bounds, 10, 25];
const verbs: readonly AdmissionRequest['verb'][] = ['create', 'update', 'delete', 'connect'];
const operations = verbs.map((verb) => verb.toUpperCase());
const types = ['admit', 'validate'];
/** Webhooks come and go; so many series of them are remembered. */
const seriesAtMost = 1000;

/** By step, verb and whether it refused. */
type Histograms = (Histogram | undefined)[];

export class AdmissionMetrics {
  readonly #plugins = new Map<Admission, Histograms>();
  readonly #steps: Histograms = [];
  readonly #webhooks = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly histogram: Histogram }>();
  readonly #counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly metric: 'rejection' | 'fail-open'; count: number }>();

  plugin(rule: Admission, step: Step, verb: AdmissionRequest['verb'], isRejected: boolean, tookMs: number): void {
    let histograms = this.#plugins.get(rule);
    if (!histograms) this.#plugins.set(rule, (histograms = []));
    observe(histograms, step, verb, isRejected, tookMs);
  }

  step(step: Step, verb: AdmissionRequest['verb'], isRejected: boolean, tookMs: number): void {
    observe(this.#steps, step, verb, isRejected, tookMs);
  }

  webhook(name: string, type: WebhookType, verb: AdmissionRequest['verb'], isRejected: boolean, tookMs: number): void {
    const labels = { name, operation: verb.toUpperCase(), rejected: String(isRejected), type };
    const key = Object.values(labels).join(' ');
    let known = this.#webhooks.get(key);
    if (!known) {
      if (this.#webhooks.size >= seriesAtMost) this.#webhooks.clear();
      this.#webhooks.set(key, (known = { labels, histogram: new Histogram(webhookBounds) }));
    }
    known.histogram.observe(tookMs / 1000);
  }

  rejected(name: string, type: WebhookType, verb: AdmissionRequest['verb'], errorType: RejectionType, code: number): void {
    // Codes beyond 600 are told as 600, as upstream.
    this.#count('rejection', { error_type: errorType, name, operation: verb.toUpperCase(), rejection_code: String(Math.min(code, 600)), type });
  }

  /** It could not be asked, and need not be. */
  failedOpen(name: string, type: WebhookType): void {
    this.#count('fail-open', { name, type });
  }

  write(text: MetricsText): void {
    const each = (name: string, help: string, of: Iterable<readonly [object, Histograms]>) => {
      text.family(name, 'histogram', help);
      for (const [more, histograms] of of) histograms.forEach((histogram, index) => histogram && text.observed(name, { ...more, ...labelsAt(index) }, histogram));
    };
    each('apiserver_admission_step_admission_duration_seconds', '[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).', [[{}, this.#steps]]);
    each('apiserver_admission_controller_admission_duration_seconds', '[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).', [...this.#plugins].map(([{ name }, histograms]) => [{ name }, histograms] as const));
    text.family('apiserver_admission_webhook_admission_duration_seconds', 'histogram', '[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).');
    for (const { labels, histogram } of this.#webhooks.values()) text.observed('apiserver_admission_webhook_admission_duration_seconds', labels, histogram);
    const rejections = text.family('apiserver_admission_webhook_rejection_count', 'counter', '[ALPHA] Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.');
    for (const { labels, metric, count } of this.#counts.values()) if (metric === 'rejection') rejections(labels, count);
    const open = text.family('apiserver_admission_webhook_fail_open_count', 'counter', '[ALPHA] Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).');
    for (const { labels, metric, count } of this.#counts.values()) if (metric === 'fail-open') open(labels, count);
  }

  #count(metric: 'rejection' | 'fail-open', labels: Readonly<Record<string, string>>): void {
    const key = [metric, ...Object.values(labels)].join(' ');
    const known = this.#counts.get(key);
    if (known) return void known.count++;
    if (this.#counts.size >= seriesAtMost) this.#counts.clear();
    this.#counts.set(key, { labels, metric, count: 1 });
  }
}

function observe(histograms: Histograms, step: Step, verb: AdmissionRequest['verb'], isRejected: boolean, tookMs: number): void {
  const index = (step === 'mutate' ? 0 : 8) + verbs.indexOf(verb) * 2 + (isRejected ? 1 : 0);
  (histograms[index] ??= new Histogram(bounds)).observe(tookMs / 1000);
}

function labelsAt(index: number): { readonly operation: string; readonly rejected: string; readonly type: string } {
  return { operation: operations[(index % 8) >> 1]!, rejected: String(index % 2 === 1), type: types[index >> 3]! };
}

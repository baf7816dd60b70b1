// Where a webhook is: a URL or a Service, one of the two.
import type { Report } from './report.ts';

export interface ClientConfig {
  readonly url?: string;
  readonly service?: { readonly name: string; readonly namespace: string; readonly path?: string; readonly port?: number };
  /** PEM, in base64. */
  readonly caBundle?: string;
}

export function checkClientConfig(report: Report, path: string, { url, service }: ClientConfig): void {
  if ((url === undefined) === (service === undefined)) {
    report.required(path, 'exactly one of url or service is required');
    return;
  }
  if (url !== undefined) checkUrl(report, `${path}.url`, url);
  if (!service) return;
  if (!service.name) report.required(`${path}.service.name`, 'service name is required');
  if (!service.namespace) report.required(`${path}.service.namespace`, 'service namespace is required');
  if (service.port !== undefined && (service.port < 1 || service.port > 65535)) report.invalid(`${path}.service.port`, service.port, 'port is not valid: must be between 1 and 65535, inclusive');
  if (service.path !== undefined) checkPath(report, `${path}.service.path`, service.path);
}

function checkUrl(report: Report, field: string, url: string): void {
  const form = '; desired format: https://host[/path]';
  if (!URL.canParse(url)) {
    report.required(field, `url must be a valid URL: ${JSON.stringify(url)}${form}`);
    return;
  }
  const { protocol, hostname, username, hash, search } = new URL(url);
  if (protocol !== 'https:') report.invalid(field, protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`);
  if (hostname === '') report.invalid(field, hostname, `host must be specified${form}`);
  if (username !== '') report.invalid(field, username, 'user information is not permitted in the URL');
  if (hash !== '') report.invalid(field, hash.slice(1), 'fragments are not permitted in the URL');
  if (search !== '') report.invalid(field, search.slice(1), 'query parameters are not permitted in the URL');
}

function checkPath(report: Report, field: string, path: string): void {
  if (path === '/' || path === '') return;
  if (path === '//') return report.invalid(field, path, 'segment[0] may not be empty');
  if (!path.startsWith('/')) return report.invalid(field, path, "must start with a '/'");
  const steps = path.slice(1).replace(/\/$/, '').split('/');
  steps.forEach((step, i) => {
    if (step === '') report.invalid(field, path, `segment[${i}] may not be empty`);
  });
}

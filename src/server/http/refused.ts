// An answer before anyone has looked at what is asked for. kube-apiserver gives these as plain text, not as a Status.

export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: number, message: string, headers: Readonly<Record<string, string>>) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

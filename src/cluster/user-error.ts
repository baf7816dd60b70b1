/** Something the person at the keyboard can mend: one line of what is wrong, one of what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly remedy: string;
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

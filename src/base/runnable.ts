/** A part with a life. `run` resolves only once everything it started has stopped; it is ended by its signal. */
export interface Runnable {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

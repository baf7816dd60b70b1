/** A map that forgets what was set longest ago when it is full. */
export class Recent<Value> {
  readonly #values = new Map<string, Value>();
  readonly #capacity: number;

  constructor(capacity = 8192) {
    this.#capacity = capacity;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** True when something else had to be forgotten for it. */
  set(key: string, value: Value): boolean {
    this.#values.delete(key);
    this.#values.set(key, value);
    return this.#values.size > this.#capacity && this.#values.delete(this.#values.keys().next().value!);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}

/** Characters of serialized events held at most, so that large events cannot fill the memory. */
export const MAX_HELD_CHARS = 16 * 1024 * 1024;

/**
 * A bounded queue of serialized events in the order of capture. What is in flight stays inside until
 * it is settled, so that a failed send loses nothing.
 */
export class EventBuffer {
  readonly #events: string[] = [];
  readonly #capacity: number;
  #chars = 0;
  #pushed = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#events.length;
  }

  /** How many events were ever taken in. */
  get pushed(): number {
    return this.#pushed;
  }

  /** How many events ever left, sent or dropped. */
  get settled(): number {
    return this.#pushed - this.#events.length;
  }

  /** Takes an event in; false where the buffer is full, because what waits longest goes first. */
  push(event: string): boolean {
    if (this.#events.length >= this.#capacity || this.#chars + event.length > MAX_HELD_CHARS) return false;
    this.#events.push(event);
    this.#chars += event.length;
    this.#pushed += 1;
    return true;
  }

  /** How many of the oldest events fit into one batch: at least one, if there is any. */
  fit(maxEvents: number, maxChars: number): number {
    let count = 0;
    let chars = 0;
    for (const event of this.#events) {
      chars += event.length;
      if (count >= maxEvents || (count > 0 && chars > maxChars)) break;
      count += 1;
    }
    return count;
  }

  /** The oldest events, without taking them out. */
  peek(count: number): readonly string[] {
    return this.#events.slice(0, count);
  }

  /** Takes the oldest events out; returns how many. */
  remove(count: number): number {
    const removed = this.#events.splice(0, count);
    for (const event of removed) this.#chars -= event.length;
    return removed.length;
  }
}

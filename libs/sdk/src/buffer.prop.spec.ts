import fc from 'fast-check';
import { EventBuffer, MAX_HELD_CHARS } from './buffer.js';

const step = fc.oneof(
  fc.record({ push: fc.string({ maxLength: 5 }) }),
  fc.record({ remove: fc.integer({ min: 0, max: 4 }) }),
);

describe('EventBuffer', () => {
  it('behaves like a bounded list that refuses the newest', () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 5 }), (steps, capacity) => {
        const buffer = new EventBuffer(capacity);
        const model: string[] = [];
        let pushed = 0;
        for (const one of steps) {
          if ('push' in one) {
            const fits = model.length < capacity;
            expect(buffer.push(one.push)).toBe(fits);
            if (fits) pushed += model.push(one.push) > 0 ? 1 : 0;
          } else {
            expect(buffer.remove(one.remove)).toBe(model.splice(0, one.remove).length);
          }
          expect(buffer.peek(capacity)).toEqual(model);
          expect([buffer.size, buffer.pushed, buffer.settled]).toEqual([
            model.length,
            pushed,
            pushed - model.length,
          ]);
        }
      }),
    );
  });

  it('bounds a batch by events and characters, and gives at least one', () => {
    const buffer = new EventBuffer(10);
    expect(buffer.fit(5, 5)).toBe(0);
    for (const event of ['aaaa', 'bb', 'cc', 'd']) buffer.push(event);
    expect([buffer.fit(10, 100), buffer.fit(2, 100), buffer.fit(10, 6), buffer.fit(10, 1)]).toEqual([
      4, 2, 2, 1,
    ]);
  });

  it('bounds what it holds in characters, and has room again after a removal', () => {
    const buffer = new EventBuffer(10);
    const half = 'x'.repeat(MAX_HELD_CHARS / 2);
    expect([buffer.push(half), buffer.push(half), buffer.push('y')]).toEqual([true, true, false]);
    buffer.remove(1);
    expect(buffer.push('y')).toBe(true);
  });
});

import { amountOption, durationOption, integerOption, pairOption } from './options.js';

describe('option parsers', () => {
  it.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['0', 0],
  ])('duration %s is %i ms', (text, expected) => {
    expect(durationOption(text)).toBe(expected);
  });
  it.each(['', 'm', '5 m', '-1s', '1d'])('duration %p is refused', (text) => {
    expect(() => durationOption(text)).toThrow(/90s, 5m or 1h/);
  });
  it.each(['0', '1001', '1.5', '1e2', 'x', ''])('integer %p is refused outside 1 to 1000', (text) => {
    expect(() => integerOption(1, 1_000)(text)).toThrow(/from 1 to 1000/);
  });
  it('takes integers and amounts', () => {
    expect(integerOption(1, 1_000)('1000')).toBe(1_000);
    expect(amountOption('0.5')).toBe(0.5);
    expect(() => amountOption('-1')).toThrow(/zero or more/);
  });
  it('collects pairs; a value may hold =', () => {
    expect(pairOption('b=x=y', pairOption('a=', {}))).toEqual({ a: '', b: 'x=y' });
    expect(() => pairOption('=x', {})).toThrow(/key=value/);
    expect(() => pairOption('x', {})).toThrow(/key=value/);
  });
});

// Each flow is dealt a few of a level's queues and waits in the shortest: a flow that fills all of its own leaves nearly every other
// flow at least one that is free.
import { createHash } from 'node:crypto';

/** `handSize` different numbers below `queues`, the same for the same flow. */
export function dealHand(flow: string, queues: number, handSize: number): readonly number[] {
  let left = createHash('sha256').update(flow).digest().readBigUInt64LE();
  const hand: number[] = [];
  for (let dealt = 0; dealt < Math.min(handSize, queues); dealt++) {
    const choices = BigInt(queues - dealt);
    let card = Number(left % choices);
    left /= choices;
    // Counted among those that are not dealt yet.
    for (const taken of hand.toSorted((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}

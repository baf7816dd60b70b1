// Requests that go on for as long as their clients like: they have no time limit, and are not counted among those in flight.
import type { Route } from './route.ts';

const streams: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy']);

export function isLongRunning(route: Route): boolean {
  return route.type === 'resource' && (route.request.verb === 'watch' || (route.request.subresource !== undefined && streams.has(route.request.subresource)));
}

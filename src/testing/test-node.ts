// A node of a test cluster, with what can befall it.
import type { NodeService } from '../api/node-service.ts';
import type { SimulatedNodeSpec } from '../cluster/simulated-node.ts';
import type { NodeAgent } from '../node/agent.ts';
import type { SimulatedMachine } from '../runtime/simulated/machine.ts';
import type { Component } from './component.ts';

export class TestNode {
  readonly name: string;
  readonly spec: SimulatedNodeSpec;
  /** What its containers are on. */
  readonly machine: SimulatedMachine;
  readonly #agent: Component<NodeAgent>;

  constructor(spec: SimulatedNodeSpec, machine: SimulatedMachine, agent: Component<NodeAgent>) {
    this.name = spec.name;
    this.spec = spec;
    this.machine = machine;
    this.#agent = agent;
  }

  /** The machine fails: its containers and its agent are gone, without a word. */
  kill(): void {
    this.#agent.crash();
    this.machine.powerOff();
  }

  /** Boots it again, empty, after `kill`; or starts its agent, after a crash. */
  start(): void {
    this.#agent.start();
  }

  /** Only the agent dies; containers run on, and the next agent finds them. */
  crashAgent(): void {
    this.#agent.crash();
  }

  /** The machine is shut down in order: its Pods end within the time that it has for that (`shutdown`); then it is off. */
  async shutDown(): Promise<void> {
    await this.#agent.part?.shutDown(never);
    this.kill();
  }

  /** Stops the agent in its tracks, as SIGSTOP does; containers run on. */
  pause(): void {
    this.#agent.pause();
  }

  resume(): void {
    this.#agent.resume();
  }

  /** The network between the node and the API is gone; everything on the node runs on. */
  cutOff(): void {
    this.#agent.cutOff = true;
  }

  /** Ends `cutOff`. */
  rejoin(): void {
    this.#agent.cutOff = false;
  }

  get isRunning(): boolean {
    return this.#agent.isRunning;
  }

  /** What the API server reaches of it; undefined when it cannot. */
  get service(): NodeService | undefined {
    return this.#agent.cutOff ? undefined : this.#agent.part?.service;
  }
}

const never = new AbortController().signal;

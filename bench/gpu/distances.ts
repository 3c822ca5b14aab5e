import { Random } from '../../src/base/random.ts';
import { squaredDistances } from '../../src/core/cost/terms.ts';
import { Buffers, readBack } from '../../src/gpu/buffers.ts';
import { cdist } from '../../src/gpu/cdist.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import { distance } from '../optimum.ts';
import { cloud, type Cloud } from '../problems.ts';
import { timed, type Contender } from './kernels.ts';
import type { Peer } from './peers/peer.ts';

/** All squared distances between two clouds: ours and float64 by direct differences, the peers in the Gram form. */
export function distanceContenders(solver: GpuSolver, peers: ReadonlyMap<string, Peer>, size: number, width: number): { name: string; contenders: Contender[] } {
  const random = new Random(width);
  const x = cloud(size, width, random);
  const y = cloud(size, width, random);
  const truth = squaredDistances(x, y);
  const ways = new Map<string, () => ArrayLike<number> | Promise<ArrayLike<number>>>();
  ways.set('wgsl', async () => ours(solver, x, y));
  for (const [name, peer] of peers) ways.set(name, peer.distances(x, y));
  ways.set('float64', () => squaredDistances(x, y));
  return {
    name: `distances ${size}×${size}, D = ${width}`,
    contenders: [...ways].map(([name, work]) => {
      let last: ArrayLike<number> = [];
      return {
        name,
        run: async () => {
          const { result, milliseconds } = await timed(work);
          last = result;
          return milliseconds;
        },
        facts: () => ({ difference: name === 'float64' ? null : distance(Float64Array.from(last), truth) }),
      };
    }),
  };
}

async function ours({ device, pipelines }: GpuSolver, x: Cloud, y: Cloud): Promise<Float32Array> {
  const shape = { batch: 1, n: x.values.length / x.width, m: y.values.length / y.width, dim: x.width };
  const buffers = new Buffers(device);
  try {
    const { distances, flipped } = await cdist(device, pipelines, buffers.filled(Float32Array.from(x.values)), buffers.filled(Float32Array.from(y.values)), shape);
    const [bytes] = await readBack(device, [{ buffer: distances, bytes: 4 * shape.n * shape.m }]);
    distances.destroy();
    flipped.destroy();
    return new Float32Array(bytes!);
  } finally {
    buffers.destroy();
  }
}

import { expect, it } from 'vitest';
import packageFile from '../../../package.json' with { type: 'json' };
import { VERSION } from '../../../src/base/version.ts';

it('is that of package.json', () => expect(VERSION).toBe(packageFile.version));

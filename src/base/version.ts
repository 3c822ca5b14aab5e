/** Of this software, as package.json has it: it goes into files that are saved. */
export const VERSION = '0.1.0';

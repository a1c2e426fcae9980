// The one recipe for Jest 30 with the ESM-only NestJS 12: CommonJS mode, swc with legacy
// decorators, and a transform that lets the ESM packages of node_modules through.
const esmPackages = [
  '@nestjs',
  'cookie',
  'uid',
  'iterare',
  '@fastify',
  'content-disposition',
  'prisma',
  '@prisma',
];

export const preset = {
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json', 'node'],
  transform: {
    '^.+\\.(ts|m?js)$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPackages.join('|')})/)`],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@errata/(core|contracts|storage|platform|sdk|testing)$': '<rootDir>/libs/$1/src/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/(apps|libs)/[a-z]+/dist/'],
};

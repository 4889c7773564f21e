/** Settings of processes that are asked as much as a test or a benchmark can: what it is about is not how much that may be. */
export const withoutLimits: NodeJS.ProcessEnv = {
  BERTH_RATE_PER_PRINCIPAL: '1000000/1000000',
  BERTH_RATE_PER_ORG: '1000000/1000000',
  BERTH_RATE_UNAUTHENTICATED: '1000000/1000000',
  BERTH_REQUESTS_PER_PRINCIPAL: '10000',
  BERTH_STREAMS_PER_PRINCIPAL: '10000',
};

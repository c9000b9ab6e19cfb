/**
 * Headers of every public answer, errors among them (Matrix specification, "Web Browser Clients"). A lone `*` for
 * allow-headers would not cover Authorization (Fetch standard).
 */
export const corsHeaders: readonly string[] = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Allow-Methods',
  'GET, POST, PUT, DELETE, OPTIONS',
  'Access-Control-Allow-Headers',
  'Origin, X-Requested-With, Content-Type, Accept, Authorization',
  'Access-Control-Expose-Headers',
  'X-Request-Id, Retry-After',
]

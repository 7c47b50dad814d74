/** The version that this program tells others. */
export const VERSION = '0.1.0';

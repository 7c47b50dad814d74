/** What registration asks of the mediator. */

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly caPem: string;
}

export interface ReachabilityReport {
  /** One address is enough. */
  readonly reachable: boolean;
  readonly addresses: readonly { readonly address: string; readonly reachable: boolean; readonly detail?: string }[];
}

/** All reject with HoldfastError: `remote.unreachable` when the mediator is away, else what it said. */
export interface RegistrationPort {
  register(request: { readonly registration: string; readonly csrPem: string }): Promise<IssuedCertificate>;
  /** Needs the certificate. */
  checkReachability(): Promise<ReachabilityReport>;
  /** From now on calls show this certificate. */
  useCertificate(certificatePem: string): void;
}

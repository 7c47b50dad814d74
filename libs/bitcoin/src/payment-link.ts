/** Links that open a wallet (BIP-21). */
export interface PaymentLink {
  readonly address: string;
  readonly sats?: bigint;
  readonly label?: string;
  readonly message?: string;
}

export const paymentLink = ({ address }: PaymentLink): string => `bitcoin:${address}`;

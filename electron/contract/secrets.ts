/** The system's keyring, as a host may supply it. */
export interface SecretBox {
  /** False where it would only pretend to encrypt. */
  available(): boolean
  encrypt(text: string): Uint8Array
  decrypt(data: Uint8Array): string
}

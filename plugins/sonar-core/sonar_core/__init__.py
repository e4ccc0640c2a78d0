"""What all parties of Sonar share: formats, ledger, cryptography, blob stores, the chain client, services.

The packages are layers; a package imports only those before it:
`base < data < protocol, crypto < store, chain < app < service < cli`.
`base` to `store` know no node, no Ape and no click.
"""

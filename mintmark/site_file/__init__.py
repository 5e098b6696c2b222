"""The site file: everything an administrator keeps, as one document that is read, taken over and written.

Rule: no request and no environment is known here; the moment, the actor, the variables and the
sealer are handed in. No secret, private key or password stands in any error, line or log row.

    imported = Import(read_bytes(data), options, …).run()    # all or nothing; raises InvalidFields
    for line in site_lines(sealer=sealer, now=now): …
"""

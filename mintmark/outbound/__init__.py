"""What this site fetches from others: key sets and discovery documents, and requests to OpenID providers.

`fetching` is the only way to an address that somebody entered (`targets` are the addresses that may be fetched,
`connecting` the connections, `waiting` who may wait for them); `kept` shares what was fetched among all nodes;
`key_sets` and `discovery` read it.
"""

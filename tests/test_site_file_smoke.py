from tests.conftest import SECRET

EX = '''mintmark: 1
attributes:
  - {name: department, label: Department, type: text, sensitive: false, changed_by: administrators}
groups: [{name: staff}]
people:
  - username: jsmith
    id: 6f1c0000-0000-4000-8000-000000000001
    password: only-on-import
    email: j.smith@example.test
    first_name: John
    last_name: Smith
    display_name: null
    is_admin: true
    live: true
    groups: [staff]
    roles: [user]
    permissions: ["users:read"]
    attributes: {department: R&D}
assets:
  - path: integrations/helpdesk
    name: Help desk
    algorithm: HS256
    secret: {text: "%s", weak: false}
    headers: {kid: my-key}
    template: |
      {"sub": "{{ user.username }}", "admin": {{ asset.can_edit }}}
    lifetime: 600
    backdate: 0
    claims: {iat: true, jti: true, nbf: false}
    readers: [staff]
    editors: []
    origins: [https://app.example.test]
    answer: {form: raw}
    params: [{name: nonce}, {name: room, one_of: [a, b]}]
    live: true
''' % SECRET
def test_smoke(house):
    def run(*a, input=None):
        r = house.run("site", *a, input=input)
        print("$", a, r.exit_code); print(r.stdout); print("ERR", r.stderr)
        if r.exception and not isinstance(r.exception, SystemExit): raise r.exception
        return r
    run("import", "-", "--dry-run", input=EX)
    assert house.log()==[]
    run("import", "-", input=EX)
    run("import", "-", input=EX)
    run("import", "-", "--reset-passwords", input=EX)
    run("import", "-", "--reset-passwords", input=EX.replace("John","Jon").replace("only-on","not only-on").replace("lifetime: 600","lifetime: 700").replace("R&D", "X"))
    out = run("export").stdout
    run("import", "-", input=out)
    for r in house.log(): print(r["event"], r["detail"])
    run("import", "-", "--prune", input="mintmark: 1")
    run("import", "-", input='mintmark: 1\nsigning_keys: []\nfoo: 1\npeople:\n- username: a\n  x: 1\n  email: 5\n  email: 6\n  groups: [nope]\n  attributes: {department: 5, q: 1}\n- {email: x}\n- 5\nassets:\n- path: A/b\n- path: x\n  template: "{{ x }}"\n  preset: z\n  secret: {txt: CANARY}\n  lifetime: 3\n')
    assert 0

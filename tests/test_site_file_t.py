import time

from tests.test_site_file_smoke import EX


def test_t(house):
    for i in range(3):
        s=time.time(); house.run("site","import","-",input=EX.replace("    password: only-on-import\n","").replace("600",str(600+i))); print("import",time.time()-s)
        s=time.time(); r=house.run("site","export"); print("export",time.time()-s)
    big="mintmark: 1\ngroups: [{name: a}]\npeople:\n"+"".join(f"  - username: user{i}\n    email: u{i}@example.test\n    first_name: A\n    last_name: B\n    groups: [a]\n    roles: [user]\n" for i in range(10000))
    for t in (big, big, big.replace("last_name: B","last_name: C").replace("groups: [a]","groups: []"), big+"  - {username: root, is_admin: true}\n", "mintmark: 1\npeople: [{username: root}]"):
        s=time.time(); r=house.run("site","import","-",*(["--prune"] if len(t)<100 else []),input=t); print("big",time.time()-s, r.exit_code, len(r.stdout.splitlines()), r.stderr[:200])
    s=time.time(); r=house.run("site","export"); print("export",time.time()-s, len(r.stdout))
    assert 0

"""slapd with people of dc=example,dc=org, each of whom has NAME-secret as the password."""

from contextlib import contextmanager

from tests.pinecone.access.tls_server import PROGRAMS, free_port, launch, until_open


@contextmanager
def ldap_directory(home, people, authority=None):
    """Serve a directory whose files are in `home`, with StartTLS if there is an authority; its port on loopback."""
    port = free_port()
    schema = PROGRAMS / "etc/ldap/schema"
    (home / "db").mkdir()
    tls = "" if authority is None else f"""
TLSCACertificateFile {authority.directory}/ca.crt
TLSCertificateFile {authority.directory}/server.crt
TLSCertificateKeyFile {authority.directory}/server.key
"""
    (home / "slapd.conf").write_text(f"""
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {PROGRAMS}/usr/lib/ldap
moduleload back_mdb.la
pidfile {home}/slapd.pid
{tls}
database mdb
suffix "dc=example,dc=org"
directory {home}/db
access to attrs=userPassword by anonymous auth by * none
access to * by * read
""")
    entries = "".join(
        f"dn: uid={name},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
        f"userPassword: {name}-secret\n\n"
        for name in people
    )
    (home / "people.ldif").write_text(
        "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n"
        f"dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: people\n\n{entries}"
    )
    assert launch("slapadd", "-f", str(home / "slapd.conf"), "-l", str(home / "people.ldif")).wait() == 0
    process = launch("slapd", "-f", str(home / "slapd.conf"), "-h", f"ldap://127.0.0.1:{port}", "-d", "0")
    try:
        until_open(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()

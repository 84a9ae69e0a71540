import jsonschema_rs
from tests.integration.test_rest_schema import examples
def test_mine(database):
    from django.test import Client
    document = Client(SERVER_NAME="localhost").get("/api/v1/openapi.json").json()
    mine=[(l,e,s) for l,e,s in examples(document) if l.endswith('scores')]
    assert len(mine)==2
    for label, example, schema in mine:
        assert [str(e) for e in jsonschema_rs.validator_for(schema | {"components": document["components"]}).iter_errors(example)]==[]

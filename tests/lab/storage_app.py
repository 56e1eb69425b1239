"""moto's server as a WSGI application: its own drops TLS connections without a farewell, which
pgBackRest takes for an attack."""

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

application = DomainDispatcherApplication(create_backend_app)

"""Feature flags: what the settings turn off is refused with a problem that says so."""

from apiflask import APIBlueprint, APIFlask
from flask import current_app, request

from app.accounts.authentication import auth
from app.errors import FeatureOff, FeaturePaused
from app.schemas import Output
from app.settings import Settings

# Blueprint -> setting, and whether clients should come back: devices keep what they have to sync.
GUARDED = {"analytics": ("analytics_enabled", False), "sync": ("sync_enabled", True)}

blueprint = APIBlueprint("flags", __name__, url_prefix="/v1/admin", tag="Administration")


class FlagsOutput(Output):
    registration: bool
    sync: bool
    analytics: bool
    rate_limiting: bool
    maintenance: bool


def init_app(app: APIFlask, settings: Settings) -> None:
    """Refuse the requests for blueprints whose feature is turned off."""
    retry_after = {"Retry-After": str(settings.maintenance_retry_seconds)}
    turned_off = {
        blueprint: comes_back
        for blueprint, (setting, comes_back) in GUARDED.items()
        if not getattr(settings, setting)
    }

    @app.before_request
    def refuse() -> None:
        for name in request.blueprints:
            if name in turned_off:
                detail = f"The feature {name} is turned off."
                if turned_off[name]:
                    raise FeaturePaused(detail, headers=retry_after)
                raise FeatureOff(detail)


@blueprint.get("/flags")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(FlagsOutput)
@blueprint.doc(responses=[403])
def show_flags() -> dict[str, bool]:
    """Show which features are on; for administrators."""
    settings: Settings = current_app.extensions["settings"]
    return {
        "registration": settings.registration_enabled,
        "sync": settings.sync_enabled,
        "analytics": settings.analytics_enabled,
        "rate_limiting": settings.rate_limits_enabled,
        "maintenance": settings.maintenance_file.exists(),
    }

"""Daily targets of energy and macronutrients: pure functions of a body, a sport and a goal.

Sources:

- Mifflin MD, St Jeor ST, et al. A new predictive equation for resting energy expenditure in healthy
  individuals. Am J Clin Nutr 1990;51:241-7.
- FAO/WHO/UNU. Human energy requirements. Rome: FAO; 2004. Section 5: physical activity levels.
- Jensen MD, Ryan DH, et al. 2013 AHA/ACC/TOS guideline for the management of overweight and obesity
  in adults. Circulation 2014;129(25 Suppl 2):S102-38.
- Iraki J, Fitschen P, et al. Nutrition recommendations for bodybuilders in the off-season.
  Sports 2019;7:154.
- Jäger R, Kerksick CM, et al. ISSN position stand: protein and exercise.
  J Int Soc Sports Nutr 2017;14:20.
- Thomas DT, Erdman KA, Burke LM. ACSM joint position statement: nutrition and athletic performance.
  Med Sci Sports Exerc 2016;48:543-68.
- Institute of Medicine. Dietary reference intakes for energy, carbohydrate, fiber, fat, fatty
  acids, cholesterol, protein, and amino acids. Washington: National Academies Press; 2005.
- Regulation (EU) No 1169/2011, Annex XIV: energy of the macronutrients.
"""

from dataclasses import dataclass
from typing import Literal

Sex = Literal["female", "male"]
Activity = Literal["sedentary", "light", "moderate", "vigorous"]
Sport = Literal["fitness", "endurance", "team", "strength"]
Goal = Literal["lose", "maintain", "gain"]

# Regulation 1169/2011, Annex XIV; kcal per gram.
PROTEIN_KCAL = CARBOHYDRATE_KCAL = 4.0
FAT_KCAL = 9.0
# FAO/WHO/UNU 2004: light 1.40-1.69 (its low end for those who mostly sit), moderate 1.70-1.99,
# vigorous 2.00-2.40; else the middle of each.
ACTIVITY_FACTOR: dict[Activity, float] = {
    "sedentary": 1.4,
    "light": 1.55,
    "moderate": 1.85,
    "vigorous": 2.2,
}
# Grams per kg, within the 1.4-2.0 of the ISSN (the ACSM has 1.2-2.0): more with less energy, and
# with more resistance training.
PROTEIN_PER_KG: dict[Sport, dict[Goal, float]] = {
    "fitness": {"lose": 1.6, "maintain": 1.4, "gain": 1.6},
    "endurance": {"lose": 1.8, "maintain": 1.4, "gain": 1.6},
    "team": {"lose": 1.8, "maintain": 1.6, "gain": 1.8},
    "strength": {"lose": 2.0, "maintain": 1.6, "gain": 1.8},
}
# ACSM 2016, table 2, grams per kg: light 3-5, moderate 5-7, high 6-10.
CARBOHYDRATE_PER_KG: dict[Activity, tuple[float, float]] = {
    "sedentary": (3, 5),
    "light": (3, 5),
    "moderate": (5, 7),
    "vigorous": (6, 10),
}
# IOM 2005: what the brain uses.
MIN_CARBOHYDRATE_G = 130.0
# Shares of the energy, IOM 2005; the ACSM warns of less than 20 % of fat too.
MAX_PROTEIN_SHARE = 0.35
FAT_SHARE, MIN_FAT_SHARE, MAX_FAT_SHARE = 0.30, 0.20, 0.35
# IOM 2005, adequate intake.
FIBER_PER_1000_KCAL = 14.0
# AHA/ACC/TOS 2013: 500 kcal a day less; of small people no more than a fifth (our bound).
DEFICIT_KCAL, MAX_DEFICIT_SHARE = 500.0, 0.2
# Iraki 2019: 10 to 20 % more.
SURPLUS_SHARE = 0.1
# AHA/ACC/TOS 2013: the lowest prescribed without supervision.
MIN_KCAL: dict[Sex, float] = {"female": 1200.0, "male": 1500.0}
# Rules per kg are for athletes' bodies: fat mass above this BMI is not counted (our bound).
MAX_COUNTED_BMI = 30.0


@dataclass(frozen=True)
class Body:
    """Who the targets are for: years, centimetres, kilograms."""

    sex: Sex
    age: int
    height_cm: float
    weight_kg: float

    @property
    def counted_kg(self) -> float:
        """The weight that rules per kg are applied to."""
        return min(self.weight_kg, MAX_COUNTED_BMI * (self.height_cm / 100) ** 2)


@dataclass(frozen=True)
class Targets:
    """Energy in kcal and macronutrients in grams, of a day.

    Attributes:
        resting_kcal: used at rest.
        maintenance_kcal: used in all.
        raised: whether the energy was raised to the lowest that is safe.
    """

    resting_kcal: float
    maintenance_kcal: float
    raised: bool
    energy_kcal: float
    protein_g: float
    carbohydrate_g: float
    fat_g: float
    fiber_g: float


def bmi_of(height_cm: float, weight_kg: float) -> float:
    """Body mass index, kg/m²."""
    return weight_kg / (height_cm / 100) ** 2


def resting_kcal(body: Body) -> float:
    """Energy used at rest, kcal a day: Mifflin and St Jeor 1990."""
    constant = 5 if body.sex == "male" else -161
    return 10 * body.weight_kg + 6.25 * body.height_cm - 5 * body.age + constant


def daily_targets(body: Body, activity: Activity, sport: Sport, goal: Goal) -> Targets:
    """The targets of a day; the sources are named in the module.

    Energy: rest times activity; 500 kcal (at most a fifth) less to lose weight, a tenth more to
    gain; never below what is used at rest, nor below 1200 (women) or 1500 kcal (men).

    Protein is by weight, at most 35 % of the energy; fat 30 %, carbohydrate the rest. Where that is
    outside the range of carbohydrate for the activity, fat gives way: down to 20 %, up to 35 %. So
    carbohydrate is 45 % at least when fat is at its lowest, which of 1200 kcal is above 130 g.
    """
    resting = resting_kcal(body)
    maintenance = resting * ACTIVITY_FACTOR[activity]
    wanted = maintenance
    if goal == "lose":
        wanted -= min(DEFICIT_KCAL, MAX_DEFICIT_SHARE * maintenance)
    elif goal == "gain":
        wanted += SURPLUS_SHARE * maintenance
    energy = max(wanted, resting, MIN_KCAL[body.sex])
    kg = body.counted_kg
    most_protein = MAX_PROTEIN_SHARE * energy / PROTEIN_KCAL
    protein = min(PROTEIN_PER_KG[sport][goal] * kg, most_protein)
    low, high = CARBOHYDRATE_PER_KG[activity]
    left = energy - protein * PROTEIN_KCAL
    carbohydrate = (left - FAT_SHARE * energy) / CARBOHYDRATE_KCAL
    lowest = max(low * kg, MIN_CARBOHYDRATE_G)
    carbohydrate = min(max(carbohydrate, lowest), max(lowest, high * kg))
    fat = (left - carbohydrate * CARBOHYDRATE_KCAL) / FAT_KCAL
    fat = min(max(fat, MIN_FAT_SHARE * energy / FAT_KCAL), MAX_FAT_SHARE * energy / FAT_KCAL)
    return Targets(
        resting_kcal=resting,
        maintenance_kcal=maintenance,
        raised=energy > wanted,
        energy_kcal=energy,
        protein_g=protein,
        carbohydrate_g=(left - fat * FAT_KCAL) / CARBOHYDRATE_KCAL,
        fat_g=fat,
        fiber_g=FIBER_PER_1000_KCAL * energy / 1000,
    )

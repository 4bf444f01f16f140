"""The main job: six stages from a city pack and files of firms to a measured, living city. Each stage can be run
again at any time and continues where it was stopped; nothing is done twice."""

"""The scoring script: what Azure ML's inference server calls.

`init()` runs once when a worker starts, `run(request)` for every POST to /score. The checks around the detector
(method, size, undecodable images, the answer's form) are the RequestHandler's; the detector is in detector.py.
"""

from __future__ import annotations

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from toc_build.runtime import Detection, PostedImage, RequestHandler, load_settings, model_path

from detector import Detector

detector: Detector
handler: RequestHandler


def init() -> None:
    """Load the model, once, before the first request."""
    global detector, handler
    settings = load_settings()  # the labels and limits of deploy.yml
    detector = Detector(model_path("saved_model"), settings.labels)  # a path below model/
    handler = RequestHandler(predict, settings)


def predict(image: PostedImage) -> list[Detection]:
    """Give the detector its image as OpenCV has it: height x width x 3, uint8, BGR, upright."""
    return detector.predict(image.bgr)


@rawhttp  # request is the raw HTTP request (flask's), its body the image's bytes
def run(request: AMLRequest) -> AMLResponse:
    """Answer one request: a JSON list of detections, or an error that says what is wrong with the request."""
    answer = handler(request)
    return AMLResponse(answer.body, answer.status, answer.headers)

# Talweg on an NVIDIA GPU. The driver comes from the host, through the NVIDIA container toolkit; the kernels are in the
# jar, compiled. From the project's folder:
#   docker build -f docker/cuda.Dockerfile -t talweg:cuda .
#   docker run --rm --gpus all talweg:cuda train digits --device cuda

FROM maven:3.9-eclipse-temurin-17 AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /talweg
COPY pom.xml ./
COPY kernels kernels
COPY native native
COPY src src
RUN mvn -B -q -ntp -DskipTests package

FROM nvidia/cuda:12.6.3-base-ubuntu24.04
# cuBLAS is what the matrix products are compared with; training does without it.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libcublas-12-6 openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home talweg
COPY --from=build /talweg/target/talweg.jar /opt/talweg/
COPY --from=build /talweg/target/lib /opt/talweg/lib
USER talweg
WORKDIR /home/talweg
# Mount a volume here to keep them.
RUN mkdir runs
ENTRYPOINT ["java", "-jar", "/opt/talweg/talweg.jar"]
CMD ["doctor"]

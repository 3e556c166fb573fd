# Talweg on the CPU, and the real kernels on the software device. From the project's folder:
#   docker build -f docker/cpu.Dockerfile -t talweg:cpu .
#   docker run --rm talweg:cpu train digits

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

FROM eclipse-temurin:17-jre
RUN useradd --create-home talweg
COPY --from=build /talweg/target/talweg.jar /opt/talweg/
COPY --from=build /talweg/target/lib /opt/talweg/lib
USER talweg
WORKDIR /home/talweg
# Mount a volume here to keep them.
RUN mkdir runs
ENTRYPOINT ["java", "-jar", "/opt/talweg/talweg.jar"]
CMD ["doctor"]
